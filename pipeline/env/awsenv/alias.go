package awsenv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"upshot.dev/upshot/pipeline/fault"
)

// Step is what Rollback did with one alias. From and To are versions; they are
// equal where the alias was left alone, and Note says why.
type Step struct{ Function, From, To, Note string }

// Rollback takes the last deployment back: it points the alias of each function
// that was part of it to the version that was good before. While a roll-out is
// under way that is the version that the alias still names, and the new one
// loses its share of the traffic. A version that was taken back once is noted
// in the alias's description and never chosen again, nor is one of refused, which
// Refused tells by the functions' names. Functions that are not
// there are left out; one without an older version is a fault, after all others
// were moved.
func Rollback(ctx context.Context, cfg aws.Config, alias string, refused map[string]map[int]bool, functions ...string) ([]Step, error) {
	client := lambda.NewFromConfig(cfg)
	var found []aliasState
	var errs []error
	for _, f := range functions {
		s, err := readAlias(ctx, client, f, alias)
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("roll back %s: %w", f, err))
			continue
		}
		s.refused = refused[f]
		found = append(found, s)
	}
	if len(found) == 0 && len(errs) == 0 {
		return nil, fault.Invalidf("there is none of the functions %v with an alias %s: is the stack's name right, and the region?", functions, alias)
	}
	var done []Step
	for i, m := range planRollback(found) {
		err := m.err
		if err == nil && !m.stay {
			err = moveAlias(ctx, client, alias, found[i].function, m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("roll back %s: %w", found[i].function, err))
			continue
		}
		done = append(done, Step{found[i].function, strconv.Itoa(m.from), strconv.Itoa(m.to), m.note})
	}
	return done, errors.Join(errs...)
}

// readAlias reads what an alias points to and which versions there are.
func readAlias(ctx context.Context, client *lambda.Client, function, alias string) (aliasState, error) {
	now, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
	if err != nil {
		return aliasState{}, err
	}
	s := aliasState{function: function, published: map[int]time.Time{}, bad: badVersions(aws.ToString(now.Description))}
	if s.current, err = strconv.Atoi(aws.ToString(now.FunctionVersion)); err != nil {
		return s, fault.Permanentf("the alias %s points to %q, which is no version", alias, aws.ToString(now.FunctionVersion))
	}
	if now.RoutingConfig != nil {
		for v := range now.RoutingConfig.AdditionalVersionWeights {
			s.coming, _ = strconv.Atoi(v)
		}
	}
	pages := lambda.NewListVersionsByFunctionPaginator(client, &lambda.ListVersionsByFunctionInput{FunctionName: &function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s, err
		}
		for _, v := range page.Versions {
			if n, err := strconv.Atoi(aws.ToString(v.Version)); err == nil {
				s.published[n] = modified(aws.ToString(v.LastModified))
			}
		}
	}
	return s, nil
}

// modified reads Lambda's own form of a time; the zero time is unknown.
func modified(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999-0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

func moveAlias(ctx context.Context, client *lambda.Client, alias, function string, m move) error {
	to, description := strconv.Itoa(m.to), m.description
	_, err := client.UpdateAlias(ctx, &lambda.UpdateAliasInput{
		FunctionName: &function, Name: &alias, FunctionVersion: &to, Description: &description,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
	})
	return err
}
