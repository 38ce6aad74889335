package awsenv

import (
	"context"
	"errors"
	"fmt"
	"net/mail"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"upshot.dev/upshot/pipeline/env"
	"upshot.dev/upshot/pipeline/fault"
)

// The limits of SES for one mail.
const (
	maxMail       = 40 << 20
	maxRecipients = 50
)

// MailerOptions say how mail leaves.
type MailerOptions struct {
	ConfigurationSet string // where bounces and complaints are counted; may be empty
}

// Mailer is env.Mailer on SES. A mail is handed over once, to all recipients or
// to none. Throttling is a fault of kind Retry; a rejection, a sender that is
// not verified or an account that may not send are faults of kind Permanent.
//
// SES has no key that would make sending twice harmless: a mail whose answer
// was lost on the way back is sent again.
type Mailer struct {
	o      MailerOptions
	client *sesv2.Client
}

var _ env.Mailer = (*Mailer)(nil)

// NewMailer makes the adapter; it asks nothing yet.
func NewMailer(cfg aws.Config, o MailerOptions) *Mailer {
	return &Mailer{o: o, client: sesv2.NewFromConfig(cfg)}
}

// Send hands m over. nil means that SES has it.
func (m *Mailer) Send(ctx context.Context, mail env.Mail) error {
	if err := checkMail(mail); err != nil {
		return err
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: &mail.From, Destination: &types.Destination{ToAddresses: mail.To},
		Content: &types.EmailContent{Raw: &types.RawMessage{Data: mail.Raw}},
	}
	if m.o.ConfigurationSet != "" {
		in.ConfigurationSetName = &m.o.ConfigurationSet
	}
	if _, err := m.client.SendEmail(ctx, in); err != nil {
		return explainMail(ctx, err)
	}
	return nil
}

// checkMail refuses what SES would, before it travels.
func checkMail(m env.Mail) error {
	if _, err := mail.ParseAddress(m.From); err != nil {
		return fault.Invalidf("the mail's sender %q is no address: %w", m.From, err)
	}
	if len(m.To) == 0 {
		return fault.Invalidf("the mail has no recipient")
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return fault.Invalidf("the mail's recipient %q is no address: %w", to, err)
		}
	}
	if len(m.To) > maxRecipients {
		return fault.Invalidf("the mail has %d recipients, SES takes %d: send to a list's address, or make two reports", len(m.To), maxRecipients)
	}
	if len(m.Raw) == 0 {
		return fault.Invalidf("the mail is empty")
	}
	if len(m.Raw) > maxMail {
		return fault.Invalidf("the mail has %d bytes, SES takes %d", len(m.Raw), maxMail)
	}
	return nil
}

func explainMail(ctx context.Context, err error) error {
	const doing = "send a mail by SES"
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
	}
	code, status := codeOf(err)
	switch {
	case passes(err):
		return fault.Retryf("%s: %w", doing, err)
	case code == "MailFromDomainNotVerifiedException" || code == "MessageRejected":
		return fault.Permanentf("%s: rejected; is the sender's address or domain verified, and the account out of the sandbox? %w", doing, err)
	case code == "AccountSuspendedException" || code == "SendingPausedException":
		return fault.Permanentf("%s: sending is switched off for the account or the configuration set; see the SES console: %w", doing, err)
	case code == "AccessDeniedException" || status == 403:
		return fault.Permanentf("%s: denied; the role needs ses:SendEmail and ses:SendRawEmail on the identity and the configuration set: %w", doing, err)
	case code == "NotFoundException":
		return fault.Permanentf("%s: there is no such configuration set; UPSHOT_MAIL_CONFIGURATION_SET names it: %w", doing, err)
	case status >= 400 && status < 500:
		return fault.Permanentf("%s: SES refuses: %w", doing, err)
	}
	return fault.Retryf("%s: %w", doing, err)
}
