# For cases about data: idx.yaml with its files `images` (4 of 2x2 pixels) and `labels`, and ways to damage them.
printf '\0\0\010\003\0\0\0\004\0\0\0\002\0\0\0\002abcdefghijklmnop' > images
printf '\0\0\010\001\0\0\0\004\0\001\001\0' > labels
cat > idx.yaml <<'CONFIG'
name: idx
data:
  source: {idx: {train_images: images, train_labels: labels, test_images: images, test_labels: labels}}
  batch: 4
  transforms: [to_float]
model: [flatten, linear: $classes]
loss: cross_entropy
optimizer: sgd
metrics: [accuracy]
train: {epochs: 2, checkpoint: {every: 1, keep: {last: 9}}}
CONFIG

manifest() {
  cat > mine.yaml <<MANIFEST
name: mine
description: four pictures
licence: none
shape: [1, 2, 2]
classes: [a, b]
splits:
  train:
    samples: 4
    images: {file: images, md5: $(md5sum < images | cut -c-32)}
    labels: {file: labels, md5: $(md5sum < labels | cut -c-32)}
MANIFEST
}

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
