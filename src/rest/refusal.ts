/** Errors as answers: the one place where what the rooms below throw becomes a status. */
import { DeviceError } from '../fleet/device.ts';
import { CounterError } from '../fleet/euiccs.ts';
import { TransitionError } from '../orders/order.ts';
import { OrderError } from '../orders/orders.ts';
import { ApiError, badInput, type ErrorBody } from './api/errors.ts';

/** The refusal that an error is; undefined where it is our own fault. */
export function refusalOf(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof OrderError) {
    return error.code === 'unknown'
      ? new ApiError(404, 'notFound', error.message)
      : new ApiError(409, 'conflict', error.message);
  }
  if (error instanceof TransitionError) return new ApiError(409, 'conflict', error.message);
  if (error instanceof DeviceError) return deviceRefusal(error);
  if (error instanceof CounterError) return badInput('counterValue', error.message);
  return undefined;
}

/** Also for one device of several. */
export function deviceRefusal({ field, message }: DeviceError): ApiError {
  switch (field) {
    case 'exists':
      return new ApiError(409, 'conflict', message, 'identity');
    case 'state':
      return new ApiError(409, 'conflict', message);
    case 'unknown':
      return new ApiError(404, 'notFound', message);
    default:
      return badInput(field, message);
  }
}

export function errorBody({ code, message, field }: ApiError): ErrorBody {
  return { error: { code, message, ...(field === undefined ? {} : { field }) } };
}
