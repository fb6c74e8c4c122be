#!/bin/sh
# Install the course without a network, on Linux and macOS. Another Python: PYTHON=/path/to/python sh install.sh
here=$(cd "$(dirname "$0")" && pwd) || exit 1
for python in "$PYTHON" python@PYTHON@ python3 python; do
  if [ -n "$python" ] && [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "@PYTHON@" ]; then
    exec "$python" "$here/install.py"
  fi
done
found=$(python3 --version 2>/dev/null) || found="没有找到 python3"
echo "这一包要 Python @PYTHON@，这里：$found。" >&2
echo "装好 Python @PYTHON@ 再来；装在别处，就用 PYTHON=它的路径 sh install.sh。" >&2
echo "装不了，请做包的人照这里的版本重做：make offline-pack PYTHON_VERSION=<版本>。" >&2
exit 1
