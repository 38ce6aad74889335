// Package standin starts real servers that stand in for AWS in tests: versitygw
// for S3, local-aws-sqs for SQS, aws-ses-v2-local for SES v2, and moto for
// SNS, SSM, Secrets Manager, CloudWatch and the rest. install.sh puts them into
// .cache/standins.
//
// Each server is started once per test binary on a free port of the loopback
// device, and ends with the binary however that ends. A server that is not
// installed skips the test in one line that says what was not checked; with
// UPSHOT_STANDINS=required in the environment it fails.
package standin
