// Package lambda runs the real bootstrap binaries of functions as Lambda does:
// a process per instance that asks its Runtime API for events, with the
// environment that was declared for it and nothing else, a limit of time, and
// a cold start after every crash. In front of it are what invokes functions: an
// HTTP API (payload format 2.0), an SQS event source with batch item failures,
// and the parts of the Lambda and CodeDeploy APIs that functions call
// themselves.
package lambda
