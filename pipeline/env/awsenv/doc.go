// Package awsenv is the environment on AWS: objects in S3, the queue in SQS,
// SQL by Athena, mail by SES, alerts by SNS, secrets from SSM Parameter Store
// or Secrets Manager, metrics to CloudWatch through the log. It is the only
// package that imports the AWS SDK and the Lambda library.
//
// A function reads its place from the environment (FromEnvironment), loads the
// SDK's configuration once (Load), and makes of it only the adapters that it
// needs. Nothing is asked of AWS before the first use, so a cold start costs
// no call.
package awsenv
