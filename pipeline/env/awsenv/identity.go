package awsenv

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"upshot.dev/upshot/pipeline/fault"
)

// CheckSender looks whether mail from an address would leave: its domain, or
// the address itself, is an identity that SES has verified. detail says which.
// It is a fault of kind Permanent when neither is.
func CheckSender(ctx context.Context, cfg aws.Config, from string) (detail string, err error) {
	a, err := mail.ParseAddress(from)
	if err != nil {
		return "", fault.Invalidf("mail.from %q is no address: %w", from, err)
	}
	client := sesv2.NewFromConfig(cfg)
	_, domain, _ := strings.Cut(a.Address, "@")
	known := ""
	for _, identity := range []string{domain, a.Address} {
		out, err := client.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &identity})
		if _, missing := errors.AsType[*types.NotFoundException](err); missing {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("ask SES for %s (this needs ses:GetEmailIdentity): %w", identity, err)
		}
		if out.VerifiedForSendingStatus {
			return identity + " may send", nil
		}
		known = identity
	}
	if known != "" {
		return "", fault.Permanentf("%s is not verified yet: publish its DKIM records, or follow the link that SES mailed", known)
	}
	return "", fault.Permanentf("SES knows neither %s nor %s: make one of them an identity", domain, a.Address)
}
