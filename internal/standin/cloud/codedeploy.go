package cloud

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// rollOut is what RollOut did.
type rollOut struct{ id, function, version, status string }

// codeDeploy tells a person what was rolled out, in CodeDeploy's protocol.
func (d *Deployment) codeDeploy(w http.ResponseWriter, r *http.Request) {
	var in struct {
		DeploymentID        string   `json:"deploymentId"`
		IncludeOnlyStatuses []string `json:"includeOnlyStatuses"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, r, "codedeploy", http.StatusBadRequest, "InvalidInputException", err.Error())
		return
	}
	var asked rollOut
	ids := []string{}
	for _, o := range d.rollOuts {
		if o.id == in.DeploymentID {
			asked = o
		}
		if slices.Contains(in.IncludeOnlyStatuses, o.status) {
			ids = append(ids, o.id)
		}
	}
	var out any
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "ListDeployments":
		out = map[string]any{"deployments": ids}
	case "GetDeployment":
		application := ""
		for _, a := range d.All("AWS::CodeDeploy::Application") {
			application = a.Ref
		}
		out = map[string]any{"deploymentInfo": map[string]string{"applicationName": application}}
	case "ListDeploymentTargets":
		out = map[string]any{"targetIds": []string{asked.function + ":live"}}
	case "BatchGetDeploymentTargets":
		out = map[string]any{"deploymentTargets": []any{map[string]any{
			"deploymentTargetType": "LambdaFunction",
			"lambdaTarget":         map[string]any{"lambdaFunctionInfo": map[string]string{"functionName": asked.function, "targetVersion": asked.version}},
		}}}
	default:
		refuse(w, r, "codedeploy", http.StatusBadRequest, "UnknownOperationException", operation)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}
