// Reads a CDEvent from its standard input as a receiver of CDEvents 0.4 does, and prints its type and its subject's id.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/cdevents/sdk-go/pkg/api"
	"github.com/cdevents/sdk-go/pkg/api/v04"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	event, err := v04.NewFromJsonBytes(body)
	if err != nil {
		fail(err)
	}
	if err := api.Validate(event); err != nil {
		fail(err)
	}
	fmt.Printf("%s %s\n", event.GetType(), event.GetSubjectId())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
