//go:build tools

// Package tools pins the Pulumi CLI, for machines that reach Go's module proxy but no download of Pulumi's.
// The blank import keeps `go mod tidy` from dropping the requirement.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
