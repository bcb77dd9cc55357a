//go:build tools

// Names the reference CNI client, so that go.mod pins it; test/runtime/cnitool.test.ts builds it.
package tools

import _ "github.com/containernetworking/cni/cnitool"
