package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wants says what a flag's value must look like, by the type of the flag.
var wants = map[string]string{
	"bool": "true or false", "int": "a whole number", "int64": "a whole number", "uint8": "a whole number, 0 to 255",
	"uint64": "a whole number, 0 or more", "float64": "a number", "duration": "a duration such as 30s or 5m",
}

// FlagError is a mistake in the flags of a command in words of the command line: pflag passes on
// those of the Go function that could not read the value, and knows no flag that was meant.
func FlagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden {
				names = append(names, "--"+flag.Name)
			}
		})
		return fmt.Errorf("%w%s", err, DidYouMean("--"+unknown.GetSpecifiedName(), names))
	}
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	want, known := wants[flag.Value.Type()]
	if !known {
		return fmt.Errorf("--%s %q: %w", flag.Name, invalid.GetValue(), invalid.Unwrap())
	}
	return fmt.Errorf("--%s %q: want %s", flag.Name, invalid.GetValue(), want)
}
