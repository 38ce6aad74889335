package standin

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// once remembers the outcome of the first start.
type once struct {
	sync.Once
	srv server
	err error
}

func (o *once) do(start func() (server, error)) (server, error) {
	o.Do(func() { o.srv, o.err = start() })
	return o.srv, o.err
}

var s3Server, sqsServer, sesServer, motoServer once

// Server is a running server other than S3.
type Server struct {
	Endpoint
}

// SQS is local-aws-sqs. Its queues live in memory and are shared by the tests
// of one binary: give each a name of its own.
func SQS(t testing.TB) *Server {
	t.Helper()
	srv := get(t, spec{
		file:       "npm/node_modules/local-aws-sqs/dist/index.js",
		notChecked: "the queue against an SQS server",
		health:     "/",
		argv: func(installed string, port int, _ string) []string {
			return []string{"node", "-e", `require(process.argv[1]).createSqsServer({port: +process.argv[2], hostname: "127.0.0.1", emulateQueueCreationLifecycle: false})`, installed, strconv.Itoa(port)}
		},
	}, &sqsServer)
	return &Server{Endpoint{Service: "SQS", URL: srv.url}}
}

// SES is aws-ses-v2-local. GET /store shows what arrived, parsed.
func SES(t testing.TB) *Server {
	t.Helper()
	srv := get(t, spec{
		file:       "npm/node_modules/aws-ses-v2-local/dist/cli.js",
		notChecked: "mail against an SES server",
		health:     "/health-check",
		argv: func(installed string, port int, _ string) []string {
			return []string{"node", installed, "--host", "127.0.0.1", "--port", strconv.Itoa(port)}
		},
	}, &sesServer)
	return &Server{Endpoint{Service: "SESv2", URL: srv.url}}
}

// Moto is moto_server: SNS, SSM, Secrets Manager, CloudWatch, Glue and others,
// in memory and shared by the tests of one binary. Its endpoint answers for
// every service that no other one is given for.
func Moto(t testing.TB) *Server {
	t.Helper()
	srv := get(t, spec{
		file:       "moto/bin/moto_server",
		notChecked: "SNS, SSM, Secrets Manager and CloudWatch against a server",
		health:     "/moto-api/",
		argv: func(installed string, port int, _ string) []string {
			return []string{installed, "-H", "127.0.0.1", "-p", strconv.Itoa(port)}
		},
	}, &motoServer)
	return &Server{Endpoint{URL: srv.url}}
}

// S3 is versitygw with its files in Root. An object is the plain file
// Root/<bucket>/<key>, so that other engines can read it there.
func S3(t testing.TB) *S3Server {
	t.Helper()
	srv := get(t, spec{
		file:       "bin/versitygw",
		notChecked: "the store against an S3 server",
		health:     "/health",
		argv: func(installed string, port int, dir string) []string {
			root, versions := filepath.Join(dir, "root"), filepath.Join(dir, "versions")
			_ = os.Mkdir(root, 0o750)
			_ = os.Mkdir(versions, 0o750)
			return []string{
				installed, "--access", accessKey, "--secret", secretKey, "--region", region,
				"--port", "127.0.0.1:" + strconv.Itoa(port), "--health", "/health", "--quiet",
				"posix", "--versioning-dir", versions, root,
			}
		},
	}, &s3Server)
	return &S3Server{Endpoint: Endpoint{Service: "S3", URL: srv.url}, Root: filepath.Join(srv.dir, "root")}
}
