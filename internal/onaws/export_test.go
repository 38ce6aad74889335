package onaws

import "upshot.dev/upshot/pipeline/env/awsenv"

// Hold gives a base secrets, as Open does by UPSHOT_SECRETS.
func (b *Base) Hold(s *awsenv.Secrets) { b.secrets = s }
