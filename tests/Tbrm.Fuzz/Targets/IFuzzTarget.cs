using System;

namespace Tbrm.Fuzz.Targets;

/// <summary>A reader under test together with the inputs that it is tried on.</summary>
internal interface IFuzzTarget
{
    /// <summary>The word on the command line.</summary>
    string Name { get; }

    /// <summary>Bytes that one input may allocate, garbage included, whatever it claims about itself.</summary>
    long AllocationLimit { get; }

    /// <summary>An input. The same random numbers give the same bytes, on every machine.</summary>
    byte[] Create(Random random);

    /// <summary>
    /// Reads an input: true when it is accepted, false when it is refused with the exception that the reader documents.
    /// Every
    /// other exception is a defect, and so is not coming back.
    /// </summary>
    bool Run(byte[] input);
}
