# For cases about data: idx.yaml with its files `images` (4 of 2x2 pixels) and `labels`.
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
