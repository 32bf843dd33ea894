#!/usr/bin/env bash
# Looks in what is shipped for code that only tests use, packs the library, checks the tarball's metadata and the types of
# its entry points, installs it into an empty project, type-checks a program that imports it and runs it, then runs the
# installed command.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
project="$(mktemp -d)"
trap 'rm -rf "$project"' EXIT

cd "$root"
"$root/node_modules/.bin/node" "$root/node_modules/knip/bin/knip.js" --production --no-tag-hints
tarball="$project/$(npm pack --silent --pack-destination "$project" | tail -n 1)"
"$root/node_modules/.bin/node" "$root/test/package/published.ts" "$tarball"
cp "$root/test/package/program.ts" "$project/program.ts"
cd "$project"
cat > package.json <<'JSON'
{ "name": "consumer", "private": true, "type": "module" }
JSON
version() { node -p "require('$root/package.json').devDependencies['$1']"; }
npm install --no-audit --no-fund --loglevel=error "$tarball" "effect@$(version effect)" \
  "@effect/platform-node@$(version @effect/platform-node)" "typescript@$(version typescript)" "@types/node@$(version @types/node)"
export PATH="$root/node_modules/.bin:$PATH"
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module nodenext --target es2024 --types node program.ts
node program.ts
if node -e 'import("effect-p2p/dist/Mesh/internal/MeshNode.js")' 2> /dev/null; then
  echo "internal modules can be imported from the package" >&2
  exit 1
fi
echo '{"type":"broadcast","sender":"me","time":1,"payload":["00","68656c6c6f"]}' |
  node node_modules/.bin/p2p encode | node node_modules/.bin/p2p decode | grep -q '"time":1'
echo "the packed library works"
