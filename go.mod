module github.com/dbnloop/dbnloop

go 1.26
