#!/bin/sh
# Usage: testdata/formats/make.sh COMMIT NAME [clones], at the top of the repository.
# Writes testdata/formats/NAME by the code of a commit; of a tenant of cloned machines, where that is said.
set -eu
commit=$1 to=$PWD/testdata/formats/$2
tree=$(mktemp -d)
trap 'git worktree remove --force "$tree"' EXIT
git worktree add --detach "$tree" "$commit"
mkdir -p "$tree/testdata/formats" "$to"
cp -r testdata/formats/make "$tree/testdata/formats/"
(cd "$tree" && go run ./testdata/formats/make "$to" ${3:-})
