# For cases about data: damages a file of idx.yaml at each place in turn, and counts what comes of it.

# Trains with FILE cut to each length below its size; exactly 1 as status means that it was refused.
truncate_each() {
  local file=$1 size n refused=0
  size=$(stat -c %s "$file")
  cp "$file" whole
  for ((n = 0; n < size; n++)); do
    head -c $n whole > "$file"
    dlbench train idx.yaml --out cut > /dev/null 2> message
    if [ $? -eq 1 ] && [ ! -e cut/checkpoints/step-1 ]; then refused=$((refused + 1)); else echo "at $n:"; cat message; fi
    rm -rf cut
  done
  cat message >&2
  echo "refused $refused of $size"
}

# Trains with each bit of FILE flipped in turn: refused, or read as what it was.
flip_each() {
  local file=$1 crashes=0 wrong=0 bits=0 bit at status byte
  cp "$file" whole
  local reference
  reference=$(dlbench train idx.yaml --json --quiet --out ok | sed 's/.*params_hash//')
  for ((at = 0; at < $(stat -c %s whole); at++)); do
    for bit in 0 3 7; do
      cp whole "$file"
      byte=$(od -An -tu1 -j $at -N 1 whole)
      printf "\\$(printf %o $((byte ^ (1 << bit))))" | dd of="$file" bs=1 seek=$at conv=notrunc status=none
      out=$(dlbench train idx.yaml --json --quiet --out flip 2> message | sed 's/.*params_hash//')
      status=${PIPESTATUS[0]}
      bits=$((bits + 1))
      grep -q '"status":"failed"' <<< "$out" || [ "$out" = "$reference" ] || { wrong=$((wrong + 1)); echo "byte $at bit $bit: $out"; }
      grep -q 'internal check\|terminate' message && crashes=$((crashes + 1))
      rm -rf flip
    done
  done
  echo "crashes $crashes, wrong $wrong, of $bits"
}
