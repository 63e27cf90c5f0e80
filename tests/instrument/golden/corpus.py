"""Every kind of expression that touches memory, for `sites.txt`. It is planned, never run."""

import collections
import heapq
from dataclasses import dataclass

count = 0
table = {"a": 1}
LIMIT = 10


@dataclass
class Node:
    value: int = 0
    next: "Node | None" = None
    total = 0

    def __init__(self, *args, **kwargs):
        self.value, self.next = args
        self.__secret = kwargs
        Node.total += 1

    def chain(self):
        node = self
        while node.next and not node.done:
            node = node.next
        return (
            self.next
            .next
            .items.append(
                node.value
            )
        )

    def secret(self):
        return self.__secret["k"], super().secret(), super().total

    @property
    def double(self):
        return self.value * 2


def globals_and_cells(start):
    global count
    count += 1
    kept = start
    changed = 0

    def inner(step=LIMIT):
        nonlocal changed
        changed += step
        count
        return kept, changed, [changed for _ in range(step)], (lambda: changed)()

    handlers = [lambda: position for position in range(3)]
    return inner, (changed for _ in table), handlers


def containers(d, xs, k, *rest, **options):
    d[k] += 1
    d[k, 1] = xs[-1]
    xs[1:2], xs[:] = [xs[0]], xs[::2]
    del d[k], xs[0], d.attribute
    xs += [1]
    d |= {2: 3}
    d.items.values += rest
    first, *others = xs
    merged = [*xs, *d.keys()], {**d, **options}, {*xs}
    if xs and not d or k in d:
        return merged if xs else others
    while xs:
        xs.pop()
    for i, (a, b) in enumerate(zip(xs, d.items())):
        d.setdefault(a, []).append(b)
    for x in sorted(xs), list(d), d:
        pass
    assert xs, f"{xs} {d!r} {k:>{i}} {options.get(k)}"
    assert d.total == len(xs) and not d.closed
    return [y for x in xs if x in d for y in x.children if y], {x: d[x] for x in d}, {x for x in rest}, tuple(i for i in xs)


def calls(queue, obj, name):
    heapq.heappush(queue, 1)
    len(queue), sum(queue), sorted(queue, key=obj.order), next(queue), list(queue)
    getattr(obj, name), setattr(obj, "size", 1), hasattr(obj, name)
    dict.get(obj, name), object.__setattr__(obj, "size", 2)
    append = queue.append
    append(1), queue.extend(*[[1]]), "".join(queue), collections.deque(queue).popleft()
    obj.update(a=1, **name), obj.method(), obj.method().attribute, obj.method()[0], name.upper()[0]
    return queue == obj, queue + obj, queue < obj < name, a if queue else b, name in queue in obj


def flow(lock, obj):
    with lock as obj.held, obj.other:
        obj.inside = 1
    try:
        obj.risky
    except ValueError as error:
        obj.error = error
    finally:
        obj.done = True
        for item in obj.items:
            obj.seen.add(item)
    match obj:
        case {"x": x} if obj.ready:
            obj.x = x
        case [first, *_]:
            obj.y = first
    for obj.index in range(3):
        continue
    if (found := obj.find) and found.value > (limit := obj.limit):
        return found[obj.key][limit], lambda: obj.later
    'ünïcödé', obj.grün, obj.blau[obj.ß]
    return -obj.negative, not obj.flag, obj.a if obj.b else obj.c, (yield obj.sent), [obj.d][obj.e]


async def waiting(obj):
    async with obj.lock:
        await obj.event
    async for item in obj.stream:
        obj.log.append(item)
    return [x async for x in obj.stream], [await y for y in obj.tasks]


class Body:
    field = count
    names = [name for name in table]
    limit: int = LIMIT
