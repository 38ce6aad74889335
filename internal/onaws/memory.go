package onaws

import (
	"os"
	"runtime/debug"
	"strconv"
)

// Memory is what Lambda gives the function, in bytes; 0 when nobody says. The
// collector, which would not know of it, is told to keep a quarter of it free: a
// process that needs more is killed.
func Memory() int64 {
	mb, err := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	if err != nil || mb <= 0 {
		return 0
	}
	size := mb << 20
	debug.SetMemoryLimit(size - size/4)
	return size
}
