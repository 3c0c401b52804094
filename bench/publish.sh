#!/bin/sh
# Writes a comparison's page and numbers into bench/results, with the day in their names.
#   bench/publish.sh FOLDER NAME
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for kind in html json; do
    sed "s|\"[^\"]*/runs/|\"runs/|g" "$1/comparison.$kind" > "$here/results/$2-$(date +%Y-%m-%d).$kind"
done
echo "$here/results/$2-$(date +%Y-%m-%d).html"
