package awsenv

// passes says of an error of any service whether the same call may succeed
// later: what AWS repeats, and credentials or a clock that will be renewed.
func passes(err error) bool {
	switch code, _ := codeOf(err); code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed":
		return true
	}
	return retryable(err)
}
