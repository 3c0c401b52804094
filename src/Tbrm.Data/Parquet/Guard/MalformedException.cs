using System;

namespace Tbrm.Data.Parquet.Guard;

/// <summary>
/// Bytes that break the format's rules. Thrown deep inside, where file, row and column are not known; whoever knows
/// them turns it into a <see cref="Core.Errors.DataException"/>.
/// </summary>
internal class MalformedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The bytes at hand end too early; more of the file may help.</summary>
internal sealed class TruncatedException(string message) : MalformedException(message);
