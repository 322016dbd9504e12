package tail

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dbnloop/dbnloop/cmd/internal/exit"
	"github.com/dbnloop/dbnloop/cmd/internal/profile"
)

// The environment variables that hold a key, or the name of a file that does.
const (
	keyVariable     = "DATABENTO_API_KEY"
	keyFileVariable = "DATABENTO_API_KEY_FILE"
)

// apiKey is a key and, for messages, where it comes from. The key itself is in no message.
type apiKey struct {
	value, origin string
	warning       string // about where it was found; may be empty
}

// String keeps the key out of logs.
func (k apiKey) String() string { return "key from " + k.origin }

// keyFlags say what the API key is.
type keyFlags struct{ key, keyFile string }

func (f *keyFlags) register(p *pflag.FlagSet) {
	p.StringVarP(&f.key, "key", "k", "", "use the API `KEY`; ps shows it, so prefer "+keyVariable+" or --key-file")
	p.StringVar(&f.keyFile, "key-file", "", "read the API key from `FILE`")
}

// exclusive marks the flags that exclude each other.
func (f *keyFlags) exclusive(cmd *cobra.Command) { cmd.MarkFlagsMutuallyExclusive("key", "key-file") }

// key finds the API key and warns when it is visible.
func (c *commandLine) key(f *keyFlags) (apiKey, error) {
	key, err := f.find(c.Getenv, &c.profile)
	if err == nil && f.key != "" {
		c.log.Warn("-k shows the key to everyone who can list processes; use " + keyVariable + " or --key-file")
	}
	if key.warning != "" {
		c.log.Warn(key.warning)
	}
	return key, err
}

// find looks for the key: flags first, then the environment, then the profile.
func (f *keyFlags) find(getenv func(string) string, p *profile.Profile) (apiKey, error) {
	switch {
	case f.key != "":
		return apiKey{value: f.key, origin: "-k"}, nil
	case f.keyFile != "":
		return readKeyFile(f.keyFile, "--key-file "+f.keyFile)
	}
	// A line feed at the end came from the file that the variable was set from.
	key, path := strings.TrimSpace(getenv(keyVariable)), strings.TrimSpace(getenv(keyFileVariable))
	switch {
	case key != "":
		return apiKey{value: key, origin: keyVariable}, nil
	case path != "":
		return readKeyFile(path, keyFileVariable+" ("+path+")")
	case p.Key != "":
		return apiKey{value: strings.TrimSpace(p.Key), origin: "profile " + p.Name + " in " + p.File}, nil
	case p.KeyFile != "":
		return readKeyFile(p.KeyFile, "profile "+p.Name+" ("+p.KeyFile+")")
	}
	return apiKey{}, exit.Fail(exit.Auth, "no API key: set %s or give --key-file FILE (--demo needs none)", keyVariable)
}

// maxKeyFile is more than any key file holds; what is larger is another file.
const maxKeyFile = 4096

func readKeyFile(path, origin string) (apiKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return apiKey{}, exit.Fail(exit.Auth, "API key of %s: %w", origin, err)
	}
	defer file.Close()
	data := make([]byte, maxKeyFile)
	n, err := file.Read(data)
	if n == 0 {
		return apiKey{}, exit.Fail(exit.Auth, "API key of %s: the file is empty or cannot be read (%v)", origin, err)
	}
	key := apiKey{value: strings.TrimSpace(string(data[:n])), origin: origin}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		key.warning = "others may read the API key of " + origin + ": chmod 600 " + path
	}
	clear(data)
	return key, nil
}
