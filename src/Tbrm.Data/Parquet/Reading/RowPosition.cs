namespace Tbrm.Data.Parquet.Reading;

/// <summary>Where reading stands; for messages.</summary>
/// <param name="file">The file's name.</param>
internal sealed class RowPosition(string file)
{
    /// <summary>The row being read, counted from 1 over the whole file.</summary>
    public long Row { get; set; } = 1;

    /// <summary>File, row and column.</summary>
    public string Of(string column) => $"{file}: row {Row}, column '{column}'";
}
