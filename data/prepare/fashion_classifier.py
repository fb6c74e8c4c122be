"""Train the course's feature classifier on the embedded Fashion-MNIST subset and save its weights.

    python data/prepare/fashion_classifier.py

Takes about three minutes on two cores and prints the test accuracy that the card quotes.
"""

import torch
from safetensors.torch import save_file

from aigc_lib.datasets import load_fashion_mnist
from aigc_lib.networks import Classifier
from aigc_lib.paths import DATA
from aigc_lib.training import flip, train

EPOCHS, BATCH = 8, 128


def main() -> None:
    torch.manual_seed(0)
    x, labels = load_fashion_mnist("train")
    classifier = Classifier()
    steps = EPOCHS * len(x) // BATCH
    for step in train(classifier, (x, labels), steps, batch_size=BATCH, lr=3e-3, weight_decay=0.05,
                      decay=0.9, ema=0.99, augment=flip, precision="float32", device="cpu"):
        if step.step % 100 == 0:
            print(f"{step.step}/{steps} {step.seconds:.0f} s loss {step.losses['loss']:.3f}", flush=True)
    x_test, labels_test = load_fashion_mnist("test")
    with torch.no_grad():
        guess = torch.cat([classifier(part).argmax(1) for part in x_test.split(500)])
    print(f"test accuracy {(guess == labels_test).float().mean():.4f}")
    folder = DATA / "weights"
    folder.mkdir(exist_ok=True)
    save_file(classifier.state_dict(), folder / "fashion_classifier.safetensors")


if __name__ == "__main__":
    main()
