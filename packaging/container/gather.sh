#!/bin/sh
# Makes what an image of one program is made of, on whatever processor: the program, and the libraries that
# the linker asks for, where it looks for them. `gather.sh PROGRAM FOLDER`
set -eu
install -D -m 755 "$1" "$2/usr/bin/$(basename "$1")"
ldd "$1" | tr -s '[:space:]' '\n' | grep '^/' | while read -r library; do
    install -D -m 755 "$library" "$2$library"
done
