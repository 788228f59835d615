"""The README of engine.encryption once more, in plain Python and without any of its code: the oracle."""

import hashlib
import hmac
import math

SBOX = [0xC, 5, 6, 0xB, 9, 0, 0xA, 0xD, 3, 0xE, 0xF, 8, 4, 7, 1, 2]


def present_round_keys(key):
    size = len(key) * 8
    register, keys = int.from_bytes(key, "big"), []
    for counter in range(1, 33):
        keys.append(register >> (size - 64))
        register = ((register << 61) | (register >> (size - 61))) % (1 << size)
        for shift in [size - 4] + ([size - 8] if size == 128 else []):
            nibble = (register >> shift) & 15
            register ^= (nibble ^ SBOX[nibble]) << shift
        register ^= counter << (62 if size == 128 else 15)
    return keys


def present_block(block, keys):
    for key in keys[:31]:
        block ^= key
        block = sum(SBOX[(block >> 4 * i) & 15] << 4 * i for i in range(16))
        block = sum(((block >> i) & 1) << (63 if i == 63 else 16 * i % 63) for i in range(64))
    return block ^ keys[31]


def present_ctr(key, nonce, data):
    keys, first = present_round_keys(key), int.from_bytes(nonce.ljust(8, b"\0"), "big")
    blocks = range(-(-len(data) // 8))
    stream = b"".join(present_block((first + i) % (1 << 64), keys).to_bytes(8, "big") for i in blocks)
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


def hkdf(master, salt, info, length):
    return hkdf_expand(hmac.digest(salt, master, "sha256"), info, length)


def hkdf_expand(key, info, length):
    output, block = b"", b""
    for i in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([i]), "sha256")
        output += block
    return output[:length]


def logistic_words(seed, k):
    one = 1 << 32
    k1, k2, k3 = (int.from_bytes(k[i : i + 4], "big") % (1 << 28) for i in (0, 4, 8))
    r1, r2 = 15 * 2**28 + k1, 15 * 2**28 + k2
    d1, d2 = (2**28 + k3) * (r1 - 2**30) // 2**30, (2**28 + k3) * (r2 - 2**30) // 2**30
    x, y, words = seed >> 32, seed % one, []
    for _ in range(32):
        x, y = (
            (r1 * (x * (one - x) // one) // 2**30 - d1 * y // one) % one,
            (r2 * (y * (one - y) // one) // 2**30 - d2 * x // one) % one,
        )
        words += [x, y]
    return words


def rotations():
    """Pairs of inputs and angles, in the order of the fast DCT of length 8."""
    quarter, sixteenth = math.pi / 4, math.pi / 16
    first = [(0, 7), (1, 6), (2, 5), (3, 4), (0, 3), (1, 2), (0, 1)]
    return [
        *((pair, quarter) for pair in first),
        ((3, 2), 2 * sixteenth),
        ((7, 4), sixteenth),
        ((6, 5), 3 * sixteenth),
        ((7, 6), quarter),
        ((5, 4), quarter),
        ((6, 5), quarter),
    ]


PLACES = [(0, 1), (7, -1), (3, -1), (6, 1), (1, -1), (5, -1), (2, 1), (4, 1)]


def dct8(x):
    x = list(x)
    for (a, b), angle in rotations():
        p, q = round(math.tan(angle / 2) * 8192), round(math.sin(angle) * 8192)
        x[a] += (p * x[b] + 4096) >> 13
        x[b] -= (q * x[a] + 4096) >> 13
        x[a] += (p * x[b] + 4096) >> 13
    return [sign * x[place] for place, sign in PLACES]


def idct8(c):
    x = [0] * 8
    for value, (place, sign) in zip(c, PLACES, strict=True):
        x[place] = sign * value
    for (a, b), angle in reversed(rotations()):
        p, q = round(math.tan(angle / 2) * 8192), round(math.sin(angle) * 8192)
        x[a] -= (p * x[b] + 4096) >> 13
        x[b] += (q * x[a] + 4096) >> 13
        x[a] -= (p * x[b] + 4096) >> 13
    return x


def transpose(block):
    return [list(row) for row in zip(*block, strict=True)]


def mix_block(block, words):
    """64 centred values to 64 values of the same norm; ``block`` is eight rows."""
    columns = transpose([dct8(column) for column in transpose(block)])
    flat = [value for row in columns for value in dct8(row)]
    for i in range(63, -1, -1):
        j = (words[i] // 256 % 65536) * (i + 1) // 65536
        flat[i], flat[j] = flat[j], flat[i]
        if words[i] % 2:
            flat[i] = -flat[i]
    rows = [idct8(flat[8 * i : 8 * i + 8]) for i in range(8)]
    return transpose([idct8(column) for column in transpose(rows)])


def arnold(rows, b, c, iterations):
    height, width = len(rows), len(rows[0])
    for _ in range(iterations):
        moved = [[0] * width for _ in range(height)]
        for x in range(height):
            for y in range(width):
                new_x = (x + b * y) % height
                moved[new_x][(y + c * new_x) % width] = rows[x][y]
        rows = moved
    return rows


def picture_secret(master, salt, version):
    return hkdf(master, salt, b"CXR Vault image key" + (b" 2" if version == 2 else b""), 32)


def frequency_payload(secret, planes, bits):
    """What PRESENT encrypts: ``planes``, one list of rows per channel, mixed."""
    height, width = len(planes[0]), len(planes[0][0])
    tall, wide = -(-height // 8), -(-width // 8)

    def subkey(name, length):
        return hkdf_expand(secret, b"CXR Vault frequency " + name, length)

    shears = subkey(b"arnold", 9)
    b, c = int.from_bytes(shears[:4], "big") + 1, int.from_bytes(shears[4:8], "big") + 1
    blocks = len(planes) * tall * wide
    seeds = present_ctr(subkey(b"seed 0", 16), b"\0", bytes(8 * blocks))
    middle, low, high, number = 1 << (bits - 1), b"", b"", 0
    for plane in planes:
        moved = arnold(plane, b, c, 2 + shears[8] % 4)
        mixed = [[0] * (8 * wide) for _ in range(8 * tall)]
        for top in range(0, 8 * tall, 8):
            for left in range(0, 8 * wide, 8):
                block = [
                    [moved[y][x] - middle if y < height and x < width else 0 for x in range(left, left + 8)]
                    for y in range(top, top + 8)
                ]
                seed = int.from_bytes(seeds[8 * number : 8 * number + 8], "big")
                for i, row in enumerate(mix_block(block, logistic_words(seed, subkey(b"logistic", 12)))):
                    mixed[top + i][left : left + 8] = [value + middle for value in row]
                number += 1
        values = [value for row in mixed for value in row]
        low += b"".join((value % (1 << bits)).to_bytes(bits // 8, "little") for value in values)
        halves = [(value >> bits) % 16 for value in values]
        high += bytes(a | b << 4 for a, b in zip(halves[::2], halves[1::2], strict=True))
    return low + high


def _shape(planes, bits):
    height, width = len(planes[0]), len(planes[0][0])
    return bytes([bits, len(planes)]), height.to_bytes(4, "big") + width.to_bytes(4, "big")


def frequency_container_v1(master, salt, nonce, planes, bits):
    """What version 1 of this program wrote, and what a user who was given ``master``'s picture secret could forge."""
    return frequency_container_of_secret_v1(picture_secret(master, salt, 1), salt, nonce, planes, bits)


def frequency_container_of_secret_v1(secret, salt, nonce, planes, bits):
    depth, sides = _shape(planes, bits)
    body = present_ctr(
        hkdf_expand(secret, b"CXR Vault frequency present 0", 16), nonce, frequency_payload(secret, planes, bits)
    )
    sealed = b"CXRV\1\1" + depth + sides + salt + nonce + body
    return sealed + hmac.new(hkdf_expand(secret, b"CXR Vault frequency mac", 32), sealed, hashlib.sha256).digest()


def padme(length):
    exponent = math.floor(math.log2(length))
    step = 2 ** (exponent - (math.floor(math.log2(exponent)) + 1))
    return math.ceil(length / max(8, step)) * max(8, step)


def framed(payload, planes=None, bits=0):
    """A content with its zeros and its frame; of a file where there are no planes."""
    depth, sides = _shape(planes, bits) if planes else (bytes(2), bytes(8))
    frame = bytes([1 if planes else 2]) + depth + b"\0" + sides + len(payload).to_bytes(8, "big") + bytes(4)
    return payload + bytes(padme(len(payload) + 24) - len(payload) - 24) + frame


def container_v2(master, code, scheme, salt, nonce, encrypt):
    """Any scheme's container; ``encrypt`` gives ciphertext and tag from the picture's secret and the header."""
    secret = picture_secret(master, salt, 2)
    header = b"CXRV\2" + bytes([code]) + salt + hkdf_expand(secret, b"CXR Vault commitment " + scheme, 32)
    signed = header + nonce + encrypt(secret, header)
    seed = hkdf(master, bytes(32), b"CXR Vault signing key 2", 32)
    return signed + ed25519_sign(seed, b"CXR Vault container 2" + hashlib.sha256(signed).digest())


def frequency_container(master, salt, nonce, planes, bits):
    def encrypt(secret, _header):
        content = framed(frequency_payload(secret, planes, bits), planes, bits)
        return present_ctr(hkdf_expand(secret, b"CXR Vault frequency present 0", 16), nonce, content)

    return container_v2(master, 1, b"frequency", salt, nonce, encrypt)


def aes_container(master, salt, nonce, content):
    """``content``: from :func:`framed`. AES-256-GCM from another library than the program's."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    def encrypt(secret, header):
        return AESGCM(hkdf_expand(secret, b"CXR Vault aes", 32)).encrypt(nonce, content, header)

    return container_v2(master, 2, b"aes", salt, nonce, encrypt)


# Ed25519 as RFC 8032 section 5.1 writes it down, affine and slow.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE_Y = 4 * pow(5, -1, P) % P


def _even_x(y):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if x % 2 == 0 else P - x


def _add(one, two):
    (x1, y1), (x2, y2) = one, two
    k = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def _times(number):
    result, point = (0, 1), (_even_x(BASE_Y), BASE_Y)
    while number:
        if number % 2:
            result = _add(result, point)
        point, number = _add(point, point), number // 2
    return result


def _encoded(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def ed25519_public(seed):
    return _encoded(_times(_secret_scalar(seed)))


def _secret_scalar(seed):
    return int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & ((1 << 254) - 8) | (1 << 254)


def ed25519_sign(seed, message):
    scalar, prefix = _secret_scalar(seed), hashlib.sha512(seed).digest()[32:]
    nonce = _hashed(prefix, message) % ORDER
    point = _encoded(_times(nonce))
    challenge = _hashed(point, ed25519_public(seed), message) % ORDER
    return point + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")
