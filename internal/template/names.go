package template

import (
	"fmt"
	"strings"
)

// name is what a resource is called where it is not named in the template.
func (r *Resource) name(property ...string) string {
	if n := r.Text(property...); n != "" && len(property) > 0 {
		return n
	}
	return r.Stack.Name + "-" + r.ID
}

func (r *Resource) arn(service, what string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, r.Stack.o.Region, r.Stack.o.Account, what)
}

// ref is what Ref gives for a resource of this type.
func (r *Resource) ref() string {
	switch r.Type {
	case "AWS::S3::Bucket":
		return strings.ToLower(r.name("BucketName"))
	case "AWS::SQS::Queue":
		return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", r.Stack.o.Region, r.Stack.o.Account, r.name("QueueName"))
	case "AWS::Lambda::Version":
		return r.arn("lambda", "function:"+r.Text("FunctionName")+":1")
	case "AWS::Lambda::Alias":
		return r.arn("lambda", "function:"+r.Text("FunctionName")+":"+r.Text("Name"))
	case "AWS::SNS::Topic":
		return r.arn("sns", r.name("TopicName"))
	case "AWS::CloudFormation::Stack":
		return r.arn("cloudformation", "stack/"+r.Stack.Nested[r.ID].Name+"/0")
	case "AWS::KMS::Key":
		return "00000000-0000-0000-0000-000000000000"
	case "AWS::Glue::Database":
		return r.name("DatabaseInput", "Name")
	case "AWS::ApiGatewayV2::Api":
		return "api0example"
	}
	for _, p := range []string{"FunctionName", "RoleName", "LogGroupName", "AlarmName", "DashboardName", "EmailIdentity", "DomainName", "Name"} {
		if n := r.Text(p); n != "" {
			return n
		}
	}
	return r.name()
}

// attribute is what Fn::GetAtt gives. The attributes are those that the
// templates use; another one is an error, as a wrong one would be.
func (r *Resource) attribute(name string) (string, error) {
	arns := map[string]string{
		"AWS::SQS::Queue":       r.arn("sqs", r.name("QueueName")),
		"AWS::Lambda::Function": r.arn("lambda", "function:"+r.Ref),
		"AWS::Logs::LogGroup":   r.arn("logs", "log-group:"+r.Ref+":*"),
		"AWS::KMS::Key":         r.arn("kms", "key/"+r.Ref),
		"AWS::S3::Bucket":       "arn:aws:s3:::" + r.Ref,
		"AWS::IAM::Role":        fmt.Sprintf("arn:aws:iam::%s:role/%s", r.Stack.o.Account, r.Ref),
	}
	known := map[string]string{
		"AWS::SQS::Queue QueueName":                          r.name("QueueName"),
		"AWS::Lambda::Version Version":                       "1",
		"AWS::Lambda::Url FunctionUrl":                       "https://url0example.lambda-url." + r.Stack.o.Region + ".on.aws/",
		"AWS::ApiGatewayV2::DomainName RegionalDomainName":   "d-example.execute-api." + r.Stack.o.Region + ".amazonaws.com",
		"AWS::ApiGatewayV2::DomainName RegionalHostedZoneId": "Z0EXAMPLE",
	}
	if v, ok := known[r.Type+" "+name]; ok {
		return v, nil
	}
	if v, ok := arns[r.Type]; ok && name == "Arn" {
		return v, nil
	}
	if r.Type == "AWS::SES::EmailIdentity" && strings.HasPrefix(name, "DkimDNSToken") {
		return strings.ToLower(name) + ".example", nil
	}
	return "", fmt.Errorf("%s (%s) has no attribute %s that is known here", r.ID, r.Type, name)
}
