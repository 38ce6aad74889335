package awsenv_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
	"upshot.dev/upshot/pipeline/fault"
)

// aRole makes the role that moto wants to see before it takes a function.
func aRole(t *testing.T, moto *standin.Server) {
	t.Helper()
	form := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"fn"}, "AssumeRolePolicyDocument": {
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, moto.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// The server finds the service by the scope of the signature alone.
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict {
		t.Fatalf("make a role: %s", resp.Status)
	}
}

// aFunction publishes so many versions and points the alias to the last.
func aFunction(t *testing.T, client *lambda.Client, name string, versions int) {
	t.Helper()
	for v := 1; v <= versions; v++ {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		f, err := w.Create("bootstrap")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(f, "version %d", v)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if v == 1 {
			_, err = client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: &name, Role: aws.String("arn:aws:iam::123456789012:role/fn"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
				Code: &types.FunctionCode{ZipFile: b.Bytes()}, Publish: true,
			})
		} else if _, err = client.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: b.Bytes()}); err == nil {
			_, err = client.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &name})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String(fmt.Sprint(versions))})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRollback(t *testing.T) {
	moto := standin.Moto(t)
	cfg := standin.Config(t, moto.Endpoint)
	client := lambda.NewFromConfig(cfg)
	aRole(t, moto)
	aFunction(t, client, "s-ingest", 3)
	aFunction(t, client, "s-process", 2)
	points := func(name string) string {
		t.Helper()
		a, err := client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &name, Name: aws.String("live")})
		if err != nil {
			t.Fatal(err)
		}
		return *a.FunctionVersion
	}
	steps, err := awsenv.Rollback(t.Context(), cfg, "live", nil, "s-ingest", "s-process", "s-missing")
	if err != nil || len(steps) != 2 || steps[0] != (awsenv.Step{Function: "s-ingest", From: "3", To: "2"}) {
		t.Fatalf("%+v, %v", steps, err)
	}
	if points("s-ingest") != "2" || points("s-process") != "1" {
		t.Errorf("the aliases point to %s and %s", points("s-ingest"), points("s-process"))
	}
	// Once more: one has a version left, the other has none.
	steps, err = awsenv.Rollback(t.Context(), cfg, "live", nil, "s-process", "s-ingest")
	if !fault.Is(err, fault.Permanent) || !strings.Contains(err.Error(), "s-process: there is no good version before 1") || len(steps) != 1 || points("s-ingest") != "1" {
		t.Errorf("%+v, %v", steps, err)
	}
	// A deployment after a rollback: what was taken back is not chosen again.
	if _, err := client.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("s-ingest"), Description: aws.String("new")}); err != nil {
		t.Fatal(err)
	}
	all, err := client.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("s-ingest")})
	if err != nil {
		t.Fatal(err)
	}
	newest := *all.Versions[len(all.Versions)-1].Version
	if _, err := client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("s-ingest"), Name: aws.String("live"), FunctionVersion: &newest}); err != nil {
		t.Fatal(err)
	}
	if _, err := awsenv.Rollback(t.Context(), cfg, "live", nil, "s-ingest"); err != nil || points("s-ingest") != "1" || newest == "1" {
		t.Errorf("after a deployment of version %s: %s, %v", newest, points("s-ingest"), err)
	}
	// A roll-out that is under way.
	if _, err := client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("s-ingest"), Name: aws.String("live"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{newest: 0.1}},
	}); err != nil {
		t.Fatal(err)
	}
	if steps, err := awsenv.Rollback(t.Context(), cfg, "live", nil, "s-ingest"); err != nil || steps[0].From != newest || steps[0].To != "1" {
		t.Errorf("%+v, %v", steps, err)
	}
	if a, err := client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("s-ingest"), Name: aws.String("live")}); err != nil || *a.FunctionVersion != "1" || a.RoutingConfig != nil && len(a.RoutingConfig.AdditionalVersionWeights) > 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := awsenv.Rollback(t.Context(), cfg, "live", nil, "nothing"); !fault.Is(err, fault.Invalid) {
		t.Errorf("no function: %v", err)
	}
}
