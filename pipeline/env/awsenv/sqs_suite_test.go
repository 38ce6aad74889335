package awsenv_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"upshot.dev/upshot/pipeline/env/envtest"
)

// TestQueueService: on a clean queue of each server.
func TestQueueService(t *testing.T) {
	onServers(t, func(t *testing.T, cfg aws.Config, _ bool) {
		envtest.QueueService(t, func(t *testing.T) envtest.FullQueue {
			q, _, _ := queues(t, cfg)
			return q
		})
	})
}
