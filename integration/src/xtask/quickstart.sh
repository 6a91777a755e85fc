# Shows the file system at work, in a mount namespace of its own. $1: pvefs, $2: the sample configurations.
set -eu
pvefs=$1 samples=$2
folder=$(mktemp -d)
mkdir "$folder/pve" "$folder/run"
place="--store $folder/pvefs.db --run-dir $folder/run --node $(hostname)"
trap 'kill "$daemon"; wait "$daemon" || true; rm -rf --one-file-system "$folder"' EXIT
"$pvefs" mount "$folder/pve" $place --log error &
daemon=$!
tries=0
until [ -e "$folder/pve/.version" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the file system did not come up" >&2; exit 1; }
    sleep 0.1
done
cd "$folder/pve/lxc"

show() {
    echo
    echo "\$ $*"
    sh -c "$*" || true
}
say() {
    echo
    echo "$*"
}

say "A file system for container configurations is mounted at $folder/pve. A good save goes in:"
cp "$samples/100.conf" .
show sed -i "'s/^memory: 2048/memory: 4096/'" 100.conf
show grep memory 100.conf
say "A save that would break the container is refused in the tool that made it, and the file stays as it was:"
show sed -i "'s/^memory/memroy/'" 100.conf
show "echo 'net1: name=eth0,bridge=vmbr0' >> 100.conf"
show grep -c . 100.conf
say "The reasons:"
show "$pvefs" why 100 $place
say "Who changed what, and when:"
show "$pvefs" log 100 $place
show "$pvefs" diff 100 $place
grep -q '^memory: 4096$' 100.conf
! grep -q memroy 100.conf
cd /
