// Rollback points every function of a stack to the version before:
//
//	go run ./internal/rollback -stack upshot-prod
//
// It takes seconds, builds nothing and asks nothing. The functions are those of
// template.yaml.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"upshot.dev/upshot/pipeline/env/awsenv"
)

func main() {
	stack := flag.String("stack", "", "name of the CloudFormation stack")
	flag.Parse()
	if *stack == "" {
		fmt.Fprintln(os.Stderr, "rollback: name the stack, like: make rollback STACK=upshot-prod")
		os.Exit(2)
	}
	if err := run(context.Background(), *stack); err != nil {
		fmt.Fprintln(os.Stderr, "rollback:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack string) error {
	cfg, err := awsenv.Load(ctx)
	if err != nil {
		return err
	}
	// First, or CodeDeploy would go on moving what is moved back here.
	stopped, stopErr := awsenv.StopRollouts(ctx, cfg, stack)
	for _, id := range stopped {
		fmt.Printf("%-40s stopped\n", "roll-out "+id)
	}
	var names []string
	for _, f := range []string{"ingest", "process", "compact", "report", "alert", "discover"} {
		names = append(names, stack+"-"+f)
	}
	names = append(names, "CodeDeployHook_"+stack+"-smoke")
	refused, refusedErr := awsenv.Refused(ctx, cfg, stack, time.Now())
	if refusedErr != nil {
		// Going back is urgent: a version that a hook refused may now be chosen.
		fmt.Fprintln(os.Stderr, "rollback: it cannot be seen which versions never served, look at what is chosen:", refusedErr)
	}
	steps, err := awsenv.Rollback(ctx, cfg, "live", refused, names...)
	for _, s := range steps {
		if s.Note != "" {
			fmt.Printf("%-40s version %s stays: %s\n", s.Function, s.From, s.Note)
			continue
		}
		fmt.Printf("%-40s version %s -> %s\n", s.Function, s.From, s.To)
	}
	return errors.Join(err, stopErr)
}
