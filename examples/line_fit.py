"""Stochastic gradient descent fits y = w x + b to four points of the line 5 x + 3."""

import symgrad as sg

kernel = sg.compile("(w*x + b - y)**2", wrt=["w", "b"])
w = b = 8.0
for epoch in range(100):
    for x, y in ((0, 3), (1, 8), (2, 13), (3, 18)):
        loss, slopes = kernel.value_and_grad(w=w, b=b, x=x, y=y)
        if epoch in (0, 50):
            print(f"epoch {epoch}: loss {loss:.6g}")
        w, b = float(w - 0.1 * slopes["w"]), float(b - 0.1 * slopes["b"])
print(f"y = {w:.12g} x + {b:.12g}")
