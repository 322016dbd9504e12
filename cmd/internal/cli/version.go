package cli

import "runtime/debug"

// Version is what --version prints: what the build linked in, else, as with go install, the
// module's version that the Go tool noted, else "dev".
func Version(linked string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return versionOf(linked, info.Main.Version)
}

func versionOf(linked, module string) string {
	switch {
	case linked != "":
		return linked
	case module != "" && module != "(devel)":
		return module
	}
	return "dev"
}
