import java.io.File;
import org.apache.pdfbox.preflight.PreflightDocument;
import org.apache.pdfbox.preflight.ValidationResult;
import org.apache.pdfbox.preflight.exception.SyntaxValidationException;
import org.apache.pdfbox.preflight.parser.PreflightParser;

/** Judges PDF/A-1b with Apache PDFBox Preflight: one line a file, status 1 when one is not valid or none is given. */
public class Preflight {
    public static void main(String[] files) throws Exception {
        int faults = files.length == 0 ? 1 : 0;
        for (String file : files) {
            ValidationResult result = validate(new File(file));
            System.out.println(file + ": " + (result.isValid() ? "PDF/A-1b" : "not PDF/A-1b"));
            for (ValidationResult.ValidationError error : result.getErrorsList()) {
                System.out.println("  " + error.getErrorCode() + " " + error.getDetails());
            }
            faults += result.isValid() ? 0 : 1;
        }
        System.exit(faults == 0 ? 0 : 1);
    }

    private static ValidationResult validate(File file) throws Exception {
        PreflightParser parser = new PreflightParser(file);
        try {
            parser.parse();
            try (PreflightDocument document = parser.getPreflightDocument()) {
                document.validate();
                return document.getResult();
            }
        } catch (SyntaxValidationException broken) {
            return broken.getResult();
        }
    }
}
