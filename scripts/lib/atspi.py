"""What a window is made of, as the bus of the screen readers knows it: shared by the scripts that look at it there."""

# A window is deep, but not that deep, and has not that many parts.
DEEPEST = 80
MOST = 20_000


def parts(root):
    """Everything below, in order, with bounds."""
    waiting, seen = [(root, 0)], 0
    while waiting and seen < MOST:
        node, depth = waiting.pop()
        seen += 1
        yield node
        if depth < DEEPEST:
            count = min(node.get_child_count(), 2_000)
            children = [node.get_child_at_index(at) for at in range(count)]
            waiting.extend((child, depth + 1) for child in reversed(children) if child is not None)
