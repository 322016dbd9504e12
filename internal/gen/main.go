// Command gen writes what is made from the files in schema: the record types and the codes in
// C++, C and Go, Go's data model, and the page of errors. Usage: go run ./internal/gen [-check] from the module's root.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the module's root directory")
	check := flag.Bool("check", false, "write nothing; fail when a file differs")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	files, err := Files(root)
	if err != nil {
		return err
	}
	for path, want := range files {
		full := filepath.Join(root, path)
		have, err := os.ReadFile(full)
		if err == nil && bytes.Equal(have, want) {
			continue
		}
		if check {
			return fmt.Errorf("%s is not what the generator writes: run make generate", path)
		}
		if err := os.WriteFile(full, want, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Files gives every generated file's path, from the root, and content.
func Files(root string) (map[string][]byte, error) {
	s, err := load(filepath.Join(root, "schema", "dbn.json"))
	if err != nil {
		return nil, err
	}
	var codes []errorCode
	if err := loadJSON(filepath.Join(root, "schema", "errors.json"), &codes); err != nil {
		return nil, err
	}
	var texts messageCodes
	if err := loadJSON(filepath.Join(root, "schema", "message_codes.json"), &texts); err != nil {
		return nil, err
	}
	errorsPage, err := genErrorsPage(codes)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"docs/errors.md":                            []byte(errorsPage),
		"cpp/include/dbnloop/error_code.gen.hpp":    []byte(genCPPErrorCodes(codes)),
		"cpp/src/base/error_code.gen.cpp":           []byte(genCPPErrorNames(codes)),
		"cpp/src/dbn/message_codes.gen.cpp":         []byte(genCPPMessageCodes(s, &texts)),
		"cpp/include/dbnloop/dbn_types.gen.hpp":     []byte(genCPP(s)),
		"cpp/include/dbnloop/publishers.gen.hpp":    []byte(genCPPPublishers(s)),
		"cpp/include/dbnloop/service_words.gen.hpp": []byte(genCPPWords(s)),
		"cpp/src/dbn/print.gen.cpp":                 []byte(genCPPPrint(s)),
		"cpp/src/dbn/enum_tables.gen.cpp":           []byte(genCPPStrings(s)),
		"cpp/src/dbn/upgrade_definition.gen.hpp":    []byte(genCPPUpgrade(s)),
		"capi/dbnloop_status.h":                     []byte(genCStatus(codes)),
		"capi/dbnloop_records.h":                    []byte(genCRecords(s)),
		"capi/dbnloop_publishers.h":                 []byte(genCPublishers(s)),
		"capi/src/enums.gen.hpp":                    []byte(genCEnums(s)),
		"capi/src/records_parity.gen.cpp":           []byte(genCParity(s, codes)),
		"test/cpp/databento_parity.gen.cpp":         []byte(genCPPParity(s)),
		"test/cpp/support/enum_rows.gen.hpp":        []byte(genCPPEnumRows(s)),
	}
	core, err := genCore(root)
	if err != nil {
		return nil, err
	}
	files["bindings/core.cc"] = []byte(core)
	for name, source := range map[string]string{
		"dbn/types_gen.go":         genGoTypes(s),
		"dbn/enums_gen.go":         genGoEnums(s),
		"dbn/publishers_gen.go":    genGoPublishers(s),
		"dbn/upgrade_gen.go":       genGoUpgrade(s),
		"dbn/columns_gen.go":       genGoColumns(s),
		"dbn/csv_gen.go":           genGoCSV(s),
		"dbn/json_gen.go":          genGoJSON(s),
		"dbn/message_codes_gen.go": genGoMessageCodes(&texts),
		"handlers_gen.go":          genGoHandlers(s),
		"error_codes_gen.go":       genGoErrorCodes(codes),
	} {
		if files[name], err = formatted(name, source); err != nil {
			return nil, err
		}
	}
	return files, nil
}
