# For scripts that play somebody without a checkout: `serve` makes a directory, $work/proxy, that
# Go takes as a module proxy. It expects $work and $version.

# What the library requires by itself, for as_outsider: the workspace may build with newer versions.
GOWORK=off go mod download

# As a proxy serves it: the files of a directory without those of the modules below it.
serve() { # module directory
  local module=$1 dir=$2 nested exclude=() stage=$work/stage
  local served=$work/proxy/$module/@v
  mkdir -p "$served" "$stage/$module@$version"
  while read -r nested; do
    exclude+=(--exclude "$(dirname "$nested")")
  done < <(cd "$dir" && find . -mindepth 2 -name go.mod -not -path './build/*')
  tar -C "$dir" --exclude ./.git --exclude ./build --exclude ./dist "${exclude[@]}" -c . |
    tar -C "$stage/$module@$version" -x
  (cd "$stage" && find "$module@$version" -type f | sort >"$work/files" &&
    cmake -E tar cf "$served/$version.zip" --format=zip --files-from="$work/files")
  rm -rf "$stage"
  cp "$dir/go.mod" "$served/$version.mod"
  printf '{"Version":"%s","Time":"2026-01-01T00:00:00Z"}\n' "$version" >"$served/$version.info"
  echo "$version" >"$served/list"
}

# Everything else comes from what the build has downloaded; nothing is asked of the network.
as_outsider() {
  export GOPROXY="file://$work/proxy,file://$(go env GOMODCACHE)/cache/download" GOSUMDB=off
  export GOFLAGS=-modcacherw GOWORK=off
  export GOMODCACHE=$work/modules
}
