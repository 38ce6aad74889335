// Package cloud brings the deployment that template.yaml describes up on
// stand-ins of AWS: buckets, queues and topics are made as the template says,
// functions get the environment, the limits and the role that it gives them, and
// its event sources, schedules, hooks and front invoke them. A variable of a
// wrong name, a source that is missing or a permission that is not there fails
// here as it would on AWS.
//
// What a function calls passes a gate, which knows who calls, refuses what the
// function's role does not allow and remembers what it used.
package cloud
