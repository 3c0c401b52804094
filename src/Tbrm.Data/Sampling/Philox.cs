using System;

namespace Tbrm.Data.Sampling;

/// <summary>
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11): random bits as a pure function
/// of
/// a key and a counter, so a stream can be entered anywhere and no generator state has to be saved.
/// </summary>
internal static class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>The 128 bits that belong to (key, counter): words 0 and 1 are the low half.</summary>
    public static (ulong Low, ulong High) Block(ulong key, ulong counterLow, ulong counterHigh)
    {
        uint c0 = (uint)counterLow, c1 = (uint)(counterLow >> 32), c2 = (uint)counterHigh,
            c3 = (uint)(counterHigh >> 32);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = (
                (uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0 | ((ulong)c1 << 32), c2 | ((ulong)c3 << 32));
    }
}

/// <summary>What random numbers are for: two purposes never share a stream, though they share the seed.</summary>
internal enum RandomPurpose
{
    EpochOrder,
    Subset,
    Replay,
    MiniBatch,
}

/// <summary>
/// The random stream (seed, purpose, number): consecutive Philox blocks, two 64-bit words each. Purpose and number are
/// the
/// counter's high word (8 and 56 bits), the block its low word.
/// </summary>
internal struct PhiloxStream(ulong seed, RandomPurpose purpose, long number)
{
    private const int NumberBits = 56;

    private readonly ulong _stream = ((ulong)purpose << NumberBits) | (ulong)number;
    private ulong _block;
    private ulong _spare;
    private bool _hasSpare;

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        if (_hasSpare)
        {
            _hasSpare = false;
            return _spare;
        }

        (ulong low, _spare) = Philox.Block(seed, _block++, _stream);
        _hasSpare = true;
        return low;
    }

    /// <summary>An integer in [0, <paramref name="bound"/>), each equally likely: Lemire's multiply-shift with
    /// rejection.</summary>
    public ulong Below(ulong bound)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);
        ulong high = Math.BigMul(Next(), bound, out ulong low);
        if (low < bound)
        {
            ulong threshold = (0 - bound) % bound;
            while (low < threshold)
            {
                high = Math.BigMul(Next(), bound, out low);
            }
        }

        return high;
    }
}
