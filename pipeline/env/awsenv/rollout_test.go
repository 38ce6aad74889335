package awsenv_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"upshot.dev/upshot/internal/standin"
	"upshot.dev/upshot/pipeline/env/awsenv"
)

// TestStopRollouts stops those of the stack and of no other. No stand-in knows
// the operation, so this is CodeDeploy's protocol by hand.
func TestStopRollouts(t *testing.T) {
	apps := map[string]string{
		"d-1": "s-ServerlessDeploymentApplication-ABC", "d-2": "s-2-ServerlessDeploymentApplication-ABC", "d-3": "other",
		"d-4": "s-ServerlessDeploymentApplication-ABC",
	}
	var stopped []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct {
			DeploymentID        string `json:"deploymentId"`
			NextToken           string `json:"nextToken"`
			AutoRollbackEnabled bool   `json:"autoRollbackEnabled"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
		case "ListDeployments":
			if !strings.Contains(string(body), "InProgress") {
				t.Errorf("asks for %s", body)
			}
			if in.NextToken == "" {
				_, _ = io.WriteString(w, `{"deployments":["d-1","d-2"],"nextToken":"more"}`)
				return
			}
			_, _ = io.WriteString(w, `{"deployments":["d-3","d-4"]}`)
		case "GetDeployment":
			_, _ = fmt.Fprintf(w, `{"deploymentInfo":{"applicationName":%q}}`, apps[in.DeploymentID])
		case "StopDeployment":
			if in.DeploymentID == "d-4" {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"DeploymentAlreadyCompletedException","message":"over"}`)
				return
			}
			if in.AutoRollbackEnabled {
				stopped = append(stopped, in.DeploymentID)
			}
			_, _ = io.WriteString(w, `{"status":"Pending"}`)
		}
	}))
	defer server.Close()
	cfg := standin.Config(t, standin.Endpoint{Service: "CodeDeploy", URL: server.URL})
	got, err := awsenv.StopRollouts(t.Context(), cfg, "s")
	if !slices.Equal(got, []string{"d-1"}) || !slices.Equal(stopped, got) {
		t.Errorf("stopped %v, told %v", stopped, got)
	}
	if err == nil || !strings.Contains(err.Error(), "d-4") {
		t.Errorf("what could not be stopped: %v", err)
	}
}
