using System;

namespace Tbrm.Engine.Models;

/// <summary>Projections of a decoder layer that an adapter changes. The numbers are those of the library.</summary>
[Flags]
public enum AdapterTargets
{
    /// <summary>Queries.</summary>
    QProj = 1,

    /// <summary>Keys.</summary>
    KProj = 2,

    /// <summary>Values.</summary>
    VProj = 4,

    /// <summary>Attention's output.</summary>
    OProj = 8,

    /// <summary>The gate of the feed-forward layer.</summary>
    GateProj = 16,

    /// <summary>The feed-forward layer's input.</summary>
    UpProj = 32,

    /// <summary>The feed-forward layer's output.</summary>
    DownProj = 64,
}
