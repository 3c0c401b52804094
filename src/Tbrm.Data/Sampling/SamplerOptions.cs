namespace Tbrm.Data.Sampling;

/// <summary>How prompts are handed out (configuration section <c>data</c>).</summary>
public sealed record SamplerOptions
{
    /// <summary>Prompts per batch (<c>data.train_batch_size</c>).</summary>
    public required int BatchSize { get; init; }

    /// <summary>What messages call the batch size.</summary>
    public string BatchSizeKey { get; init; } = "data.train_batch_size";

    /// <summary>A new order every epoch (<c>data.shuffle</c>); a source without end is never shuffled, its items are
    /// random already.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Decides the order together with the epoch (<c>data.seed</c>).</summary>
    public ulong Seed { get; init; }

    /// <summary>Leaves out the rest of an epoch that does not fill a batch; otherwise the epoch ends with a short
    /// batch.</summary>
    public bool DropLast { get; init; } = true;

    /// <summary>Stops after this many epochs (<c>trainer.total_epochs</c>); null goes on for ever.</summary>
    public long? Epochs { get; init; }
}
