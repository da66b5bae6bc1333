"""Find the partition that contains an entity's events, as the producer's partitioner does.

Java's clients compute the same: https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
"""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24
_WORD = 4
_32_BITS = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def find_partition(key: bytes, partitions: int) -> int:
    """Return the partition of a message with this key, in a topic with this number of partitions."""
    return (murmur2(key) & _POSITIVE) % partitions


def murmur2(data: bytes) -> int:
    """Return the MurmurHash2 with Kafka's seed."""
    whole = len(data) - len(data) % _WORD
    found = _SEED ^ len(data)
    for start in range(0, whole, _WORD):
        word = int.from_bytes(data[start : start + _WORD], "little") * _M & _32_BITS
        word = (word ^ word >> _R) * _M & _32_BITS
        found = found * _M & _32_BITS ^ word
    if data[whole:]:
        found = (found ^ int.from_bytes(data[whole:], "little")) * _M & _32_BITS
    found = (found ^ found >> 13) * _M & _32_BITS
    return found ^ found >> 15
