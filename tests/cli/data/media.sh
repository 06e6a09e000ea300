# For cases about pictures and sound: the folders pics (classes a, b, 2 + 2 pictures of 23x19) and sounds (0_ann_0.wav, ...,
# 8 files of 4 values at 8000 per second), and the configs pics.yaml and sounds.yaml. IMAGES is the folder of test pictures.
mkdir -p pics/a pics/b sounds
cp "$IMAGES/rgb.png" pics/a/1.png
cp "$IMAGES/rgb.bmp" pics/a/2.bmp
cp "$IMAGES/grey.png" pics/b/1.png
cp "$IMAGES/alpha.png" pics/b/2.png
wav() {  # FILE RATE
  printf 'RIFF\054\0\0\0WAVEfmt \020\0\0\0\001\0\001\0' > "$1"
  printf "\\$(printf %o $(($2 % 256)))\\$(printf %o $(($2 / 256)))\0\0\0\0\0\0\002\0\020\0data\010\0\0\0\001\001\002\002\003\003\004\004" >> "$1"
}
for label in 0 1; do
  for index in 0 1; do
    for speaker in ann bob; do wav sounds/${label}_${speaker}_$index.wav 8000; done
  done
done
cat > pics.yaml <<'CONFIG'
name: pics
data:
  source: {image_folder: {path: pics}}
  batch: 2
  transforms: [to_float]
model: [flatten, linear: $classes]
loss: cross_entropy
optimizer: sgd
train: {epochs: 1}
CONFIG
cat > sounds.yaml <<'CONFIG'
name: sounds
data:
  source: {audio_folder: {path: sounds, pattern: "{label}_{speaker}_{index}.wav", test: index < 1, length: 4}}
  batch: 2
model: [flatten, linear: $classes]
loss: cross_entropy
optimizer: sgd
train: {epochs: 1}
CONFIG
