package cloud

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Where the deployment is.
const (
	region  = "us-east-1"
	account = "123456789012"
)

// Call is what a request asks for: an action of IAM, and the ARN of what it is
// done to.
type Call struct{ Action, Resource string }

// scope finds the service that a request is signed for.
var scope = regexp.MustCompile(`Credential=[^/]+/[0-9]{8}/[^/]+/([a-z0-9-]+)/aws4_request`)

// serviceOf is the service that a request is signed for; empty when it is not
// signed.
func serviceOf(r *http.Request) string {
	if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
		return m[1]
	}
	return ""
}

// names are what requests say for what ARNs name otherwise.
type names struct {
	queues      map[string]string // ARN by URL
	workgroup   string            // that of a query whose request does not name one
	identity    string            // of SES
	application string            // of CodeDeploy
}

// bodyLimit is more than any request takes but those that carry objects.
const bodyLimit = 8 << 20

// calls reads what a request asks for. Only requests whose body says it are read
// and get their body back.
func (n names) calls(r *http.Request, service string) ([]Call, error) {
	if service == "s3" {
		return s3Calls(r)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch service {
	case "sqs":
		return n.sqs(operation, body)
	case "ssm", "secretsmanager", "athena", "codedeploy":
		return n.json(service, operation, body)
	case "sns":
		form, err := url.ParseQuery(string(body))
		return []Call{{"sns:" + form.Get("Action"), form.Get("TopicArn")}}, err
	case "ses":
		return n.mail(body)
	case "lambda":
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/"), "/")
		return []Call{{"lambda:InvokeFunction", name}}, nil
	}
	return nil, fmt.Errorf("a request for the service %q, which no function of this project has: %s %s", service, r.Method, r.URL.Path)
}

// sqs reads a request in the JSON protocol. A batch needs the permission of one.
func (n names) sqs(operation string, body []byte) ([]Call, error) {
	var in struct{ QueueUrl string } //nolint:revive // the protocol's name
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	arn := n.queues[in.QueueUrl]
	if arn == "" {
		return nil, fmt.Errorf("%s of a queue %q that the deployment does not have", operation, in.QueueUrl)
	}
	return []Call{{"sqs:" + strings.TrimSuffix(operation, "Batch"), arn}}, nil
}

func (n names) json(service, operation string, body []byte) ([]Call, error) {
	var in struct{ Name, SecretId, WorkGroup string } //nolint:revive // the protocol's names
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	arn := "arn:aws:" + service + ":" + region + ":" + account + ":"
	switch service {
	case "ssm":
		arn += "parameter/" + strings.TrimPrefix(in.Name, "/")
	case "secretsmanager":
		// AWS puts six characters behind the name.
		arn += "secret:" + in.SecretId + in.Name + "-AbCdEf"
	case "athena":
		if in.WorkGroup == "" {
			in.WorkGroup = n.workgroup
		}
		arn += "workgroup/" + in.WorkGroup
	case "codedeploy":
		arn += "deploymentgroup:" + n.application + "/group"
	}
	return []Call{{service + ":" + operation, arn}}, nil
}

// mail reads a raw mail: it may be sent from an identity, by a configuration set.
func (n names) mail(body []byte) ([]Call, error) {
	var in struct {
		FromEmailAddress, ConfigurationSetName string
		Content                                struct{ Raw *struct{ Data []byte } }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	action := "ses:SendEmail"
	from := in.FromEmailAddress
	if in.Content.Raw != nil {
		action = "ses:SendRawEmail"
		m, err := mail.ReadMessage(bytes.NewReader(in.Content.Raw.Data))
		if err != nil {
			return nil, err
		}
		if from == "" {
			from = m.Header.Get("From")
		}
	}
	a, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender of a mail: %w", err)
	}
	identity := a.Address
	if _, domain, _ := strings.Cut(identity, "@"); domain == n.identity {
		identity = domain
	}
	const ses = "arn:aws:ses:" + region + ":" + account + ":"
	out := []Call{{action, ses + "identity/" + identity}}
	if in.ConfigurationSetName != "" {
		out = append(out, Call{action, ses + "configuration-set/" + in.ConfigurationSetName})
	}
	return out, nil
}

// s3Calls reads a request in path style.
func s3Calls(r *http.Request) ([]Call, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	of := func(action string) []Call { return []Call{{"s3:" + action, "arn:aws:s3:::" + bucket + "/" + key}} }
	if key == "" {
		return bucketCalls(r, bucket, q)
	}
	version := ""
	if q.Has("versionId") {
		version = "Version"
	}
	switch {
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return of("ListMultipartUploadParts"), nil
	case r.Method == http.MethodGet && q.Has("attributes"):
		return of("GetObject" + version + "Attributes"), nil
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return of("GetObject" + version), nil
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return of("AbortMultipartUpload"), nil
	case r.Method == http.MethodDelete:
		return of("DeleteObject" + version), nil
	case r.Method == http.MethodPut || r.Method == http.MethodPost && (q.Has("uploads") || q.Has("uploadId")):
		out := of("PutObject")
		if from := r.Header.Get("X-Amz-Copy-Source"); from != "" {
			from, err := url.PathUnescape(strings.TrimPrefix(from, "/"))
			if err != nil {
				return nil, err
			}
			out = append(out, Call{"s3:GetObject", "arn:aws:s3:::" + from})
		}
		return out, nil
	}
	return nil, fmt.Errorf("a request of S3 that no function of this project makes: %s %s", r.Method, r.URL)
}

func bucketCalls(r *http.Request, bucket string, q url.Values) ([]Call, error) {
	arn := "arn:aws:s3:::" + bucket
	switch {
	case r.Method == http.MethodGet && q.Has("location"):
		return []Call{{"s3:GetBucketLocation", arn}}, nil
	case r.Method == http.MethodGet && q.Has("versions"):
		return []Call{{"s3:ListBucketVersions", arn}}, nil
	case r.Method == http.MethodGet && q.Has("uploads"):
		return []Call{{"s3:ListBucketMultipartUploads", arn}}, nil
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return []Call{{"s3:ListBucket", arn}}, nil
	case r.Method == http.MethodPost && q.Has("delete"):
		body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var in struct {
			Object []struct{ Key string }
		}
		if err := xml.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		var out []Call
		for _, o := range in.Object {
			out = append(out, Call{"s3:DeleteObject", arn + "/" + o.Key})
		}
		return out, nil
	}
	return nil, fmt.Errorf("a request of S3 that no function of this project makes: %s %s", r.Method, r.URL)
}

// refuse answers as the service does when it refuses a request.
func refuse(w http.ResponseWriter, r *http.Request, service string, status int, code, message string) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch service {
	case "s3":
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: code, Message: message})
	case "sns":
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		type fault struct{ Type, Code, Message string }
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Error   fault
		}{Error: fault{"Sender", code, message}})
	default:
		if slices.Contains([]string{"sqs", "ssm", "secretsmanager", "athena", "codedeploy"}, service) {
			status = http.StatusBadRequest // of every fault of these protocols
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
	}
}
