#!/usr/bin/env bash
# Installs the stand-ins for AWS, its command line and the template's checkers, all of pinned
# versions, into .cache/standins at the root of the checkout. A second run
# changes nothing. It needs Go, npm and Python 3.10 or later with venv.
#
#   install.sh          everything
#   install.sh servers  only what the tests of the adapters start
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$PWD/.cache/standins
what=${1:-all}

VERSITYGW=v1.8.0
SQS=2.0.2
SES=2.10.2
MOTO=5.2.1
CFN_LINT=1.51.0
SAM_TRANSLATOR=1.110.0
CHECKOV=3.3.30
SAM_CLI=1.170.0
AWS_CLI=1.46.3

mkdir -p "$dir/bin" "$dir/done"
say() { printf '%-32s %s\n' "$1" "$2"; }

# once NAME COMMAND...: runs the command unless this very version is there.
once() {
  local name=$1 mark=$dir/done/$1 started=$SECONDS
  shift
  if [ -e "$mark" ]; then say "$(basename "$mark")" "there already"; return; fi
  if ! "$@" >"$dir/$name.log" 2>&1; then
    tail -20 "$dir/$name.log" >&2
    say "$name" "FAILED, the whole log is $dir/$name.log"
    return 1
  fi
  touch "$mark"
  say "$name" "installed in $((SECONDS - started)) s"
}

# The version is linked into the binary, so that one put there by hand counts.
versitygw() {
  if [ -x "$dir/bin/versitygw" ] && go version -m "$dir/bin/versitygw" | grep -q "github.com/versity/versitygw[[:space:]]$VERSITYGW"; then return; fi
  CGO_ENABLED=0 GOBIN=$dir/bin GOFLAGS=-mod=mod go install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
}

npm_servers() {
  mkdir -p "$dir/npm"
  npm install --prefix "$dir/npm" --no-audit --no-fund --no-save --save-exact "local-aws-sqs@$SQS" "aws-ses-v2-local@$SES"
}

# venv NAME PACKAGE...: each tool has a folder of its own, as their pins disagree.
venv() {
  local name=$1
  shift
  python3 -m venv "$dir/$name"
  "$dir/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# Fails only after everything was tried; what the template needs, and is not
# to be had here, is said and not fatal: sam validate is a second opinion.
fail=0
once "versitygw-$VERSITYGW" versitygw || fail=1
once "npm-sqs-$SQS-ses-$SES" npm_servers || fail=1
once "moto-$MOTO" venv moto "moto[server]==$MOTO" || fail=1
if [ "$what" = all ]; then
  once "cfn-lint-$CFN_LINT-translator-$SAM_TRANSLATOR" venv lint "cfn-lint==$CFN_LINT" "aws-sam-translator==$SAM_TRANSLATOR" || fail=1
  once "checkov-$CHECKOV" venv checkov "checkov==$CHECKOV" || fail=1
  once "aws-cli-$AWS_CLI" venv aws "awscli==$AWS_CLI" || fail=1
  once "aws-sam-cli-$SAM_CLI" venv sam "aws-sam-cli==$SAM_CLI" || say "aws-sam-cli" "not here: 'sam validate' is NOT run"
fi
exit $fail
