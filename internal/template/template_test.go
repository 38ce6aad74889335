package template_test

import (
	"strings"
	"testing"
	"time"

	"upshot.dev/upshot/internal/template"
)

const small = `{
 "template.yaml": {
  "Parameters": {
   "Size": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 9},
   "Zone": {"Type": "String", "AllowedPattern": "^[A-Z]+$"},
   "Kind": {"Type": "String", "Default": "a", "AllowedValues": ["a", "b"]}
  },
  "Conditions": {"B": {"Fn::Equals": [{"Ref": "Kind"}, "b"]}, "Neither": {"Fn::And": [{"Condition": "B"}, {"Fn::Not": [{"Condition": "B"}]}]}},
  "Resources": {
   "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Only": {"Fn::If": ["B", 1, {"Ref": "AWS::NoValue"}]}, "List": [{"Ref": "AWS::NoValue"}, "x"]}},
   "App": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
   "Never": {"Type": "AWS::SNS::Topic", "Condition": "Neither"},
   "Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "inner.yaml", "Parameters": {"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "Size": {"Ref": "Size"}}}}
  },
  "Outputs": {"Text": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Text"]}}, "Part": {"Value": {"Fn::Select": [3, {"Fn::Split": [":", {"Fn::GetAtt": "Queue.Arn"}]}]}}}
 },
 "inner.yaml": {
  "Parameters": {"Arn": {"Type": "String"}, "Size": {"Type": "Number"}},
  "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}}},
  "Outputs": {"Text": {"Value": {"Fn::Sub": ["${Arn}/${Size}/${Bucket}/${!Kept}/${Own}", {"Own": {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}}]}}}
 }
}`

// TestDeploy follows references through conditions and nested stacks.
func TestDeploy(t *testing.T) {
	set, err := template.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	s, err := set.Deploy(template.Options{Name: "My-Stack", Parameters: map[string]string{"Zone": "Z"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:aws:sqs:us-east-1:123456789012:My-Stack-Queue/3/my-stack-inner-bucket/${Kept}/a-us-east-1"
	if s.Outputs["Text"] != want || s.Outputs["Part"] != "us-east-1" {
		t.Errorf("outputs %q, want %q", s.Outputs, want)
	}
	if app := s.Resources["App"].Ref; app != "My-Stack-App" {
		t.Errorf("a resource without a name is called %s", app)
	}
	if q := s.Resources["Queue"]; q.Get("Only") != nil || q.Text("List") != `["x"]` || s.Resources["Never"] != nil {
		t.Errorf("%v", q.Properties)
	}
	s, err = set.Deploy(template.Options{Name: "s", Parameters: map[string]string{"Zone": "Z", "Kind": "b"}})
	if err != nil || s.Resources["Queue"].Number("Only") != 1 {
		t.Errorf("%v, %v", s.Resources["Queue"], err)
	}
}

// TestDeployFaults names what is wrong.
func TestDeployFaults(t *testing.T) {
	for _, c := range []struct {
		old, new string
		given    map[string]string
		want     string
	}{
		{want: "the parameter Zone is not given", given: map[string]string{}},
		{want: `the parameter Zone: "z" does not match`, given: map[string]string{"Zone": "z"}},
		{want: `the parameter Size: "10" is no number in its range`, given: map[string]string{"Zone": "Z", "Size": "10"}},
		{want: `the parameter Kind: "c" is none of`, given: map[string]string{"Zone": "Z", "Kind": "c"}},
		{want: "there is no parameter Zoen", given: map[string]string{"Zone": "Z", "Zoen": "Z"}},
		{`["Queue", "Arn"]`, `["Queue", "Arm"]`, nil, "has no attribute Arm"},
		{`"Fn::GetAtt": "Queue.Arn"`, `"Fn::GetAtt": "Qeue.Arn"`, nil, "there is no resource Qeue"},
		{`{"Ref": "Size"}`, `{"Ref": "Sice"}`, nil, "Sice is neither a parameter nor a resource"},
		{`["B", 1,`, `["C", 1,`, nil, "there is no condition C"},
		{`Outputs.Text"]`, `Outputs.Txt"]`, nil, "inner.yaml has no output Txt"},
		{`"Only": {"Fn::If": ["B", 1, {"Ref": "AWS::NoValue"}]}`, `"Only": {"Ref": "Inner"}`, nil, "a circle: "},
		{`"Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, `, ``, nil, "inner.yaml: the parameter Arn is not given"},
		{`"TemplateURL": "inner.yaml"`, `"TemplateURL": "outer.yaml"`, nil, "there is no template outer.yaml"},
		{`"Value": {"Fn::GetAtt": ["Inner", "Outputs.Text"]}`, `"Value": {"Ref": "Never"}`, nil, "Never is used where its condition does not hold"},
		{`[3, {"Fn::Split"`, `[7, {"Fn::Split"`, nil, "there is no item 7 of 6"},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if c.old != "" && text == small {
			t.Fatalf("%s is not in the template", c.old)
		}
		set, err := template.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if c.given == nil {
			c.given = map[string]string{"Zone": "Z"}
		}
		if _, err = set.Deploy(template.Options{Name: "s", Parameters: c.given}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q -> %q: %v, want %q", c.old, c.new, err, c.want)
		}
	}
}

// TestAllowed holds patterns of IAM against calls.
func TestAllowed(t *testing.T) {
	s := []template.Statement{
		{Effect: "Allow", Actions: []string{"s3:Get*", "s3:PutObject"}, Resources: []string{"arn:aws:s3:::lake/a/*", "arn:aws:s3:::lake/?.txt"}},
		{Effect: "Allow", Actions: []string{"s3:DeleteObject"}, Resources: []string{"*"}, Condition: map[string]any{}},
		{Effect: "Deny", Actions: []string{"s3:PutObject"}, Resources: []string{"arn:aws:s3:::lake/a/b/*"}},
	}
	for _, c := range []struct {
		action, key string
		want        bool
	}{
		{"s3:GetObject", "a/x", true},
		{"S3:putobject", "a/x/y", true},
		{"s3:PutObject", "a/b/x", false},
		{"s3:GetObject", "b/x", false},
		{"s3:GetObject", "x.txt", true},
		{"s3:GetObject", "xy.txt", false},
		{"s3:DeleteObject", "a/x", false}, // only under a condition
		{"sqs:GetObject", "a/x", false},
	} {
		if got := template.Allowed(s, c.action, "arn:aws:s3:::lake/"+c.key); got != c.want {
			t.Errorf("%s on %s: %v", c.action, c.key, got)
		}
	}
}

// TestEvent puts the time where the service does.
func TestEvent(t *testing.T) {
	d := template.Schedule{Input: `{"scheduled":"<aws.scheduler.scheduled-time>"}`}
	if got := string(d.Event(time.Date(2026, 11, 2, 8, 0, 0, 0, time.FixedZone("", 3600)))); got != `{"scheduled":"2026-11-02T07:00:00Z"}` {
		t.Error(got)
	}
}
