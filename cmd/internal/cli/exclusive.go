package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// CheckExclusive is cmd.ValidateFlagGroups with a message that names the flags as they are typed:
// cobra's is about groups. Text of cobra that has another form stays as it is.
func CheckExclusive(cmd *cobra.Command) error {
	err := cmd.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	_, given, found := strings.Cut(err.Error(), "; [")
	given, _, whole := strings.Cut(given, "]")
	names := strings.Fields(given)
	if !found || !whole || len(names) < 2 {
		return err
	}
	last := len(names) - 1
	return fmt.Errorf("--%s and --%s exclude each other: give one of them", strings.Join(names[:last], ", --"), names[last])
}
